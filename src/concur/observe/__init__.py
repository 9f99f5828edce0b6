"""What can be seen of a run while it goes on. One file per look."""
