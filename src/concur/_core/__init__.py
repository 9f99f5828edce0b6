"""The pure core: the rules of a run, without a clock, thread, queue, random number or event loop (see README.md)."""
