"""The loops that carry out the schedule's steps: `sync` and `async_` drive a run, `worker` is what runs in a worker."""
