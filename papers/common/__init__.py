"""What all reproductions share: items, saved parts, judgement."""
