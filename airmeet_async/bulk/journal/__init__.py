"""The journal of a bulk run: one SQLite file that knows, at any instant, what has become of each row.

The promise: each input row is in the journal before it is sent. After a crash of the process at any instant, and
after a loss of power if the disk honours fsync, a resumed run ends with exactly one result per input row. A row is
sent again only if an earlier send was not settled or was answered with an error that may be tried again; per crash
these are at most as many rows as were under way. Not promised: exactly-once delivery.

- `schema`: the tables, and the states of a row.
- `texts`: calls, input rows and outcomes as text.
- `files`: making, opening and locking the file.
- `records`: what goes in and what comes out.
- `store`: what is done to the tables, in the journal's one thread.
- `journal`: the same for the event loop, in groups.
- `kept`: what a row that was kept means for a run.
- `spool`: an input read whole into the journal, and read out again.
"""
