"""TabNet for many seeds at once, its masks, and how far those masks can be trusted."""
