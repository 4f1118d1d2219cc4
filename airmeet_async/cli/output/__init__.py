"""What a run shows and leaves behind: progress, summary, result files, the report page."""
