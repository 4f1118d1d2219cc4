"""Many asks: rows in, one result per row out."""
