"""Side by side measurements of `concur` and its peers: run as `python -m bench` from the repository root."""
