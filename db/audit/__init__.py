"""The hash chain over appended rows, and what checks it. Nothing audited is updated in place."""
