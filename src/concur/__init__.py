"""concur."""
