"""The loop over tables: an engine for networks of hundreds to tens of thousands of reactions."""
