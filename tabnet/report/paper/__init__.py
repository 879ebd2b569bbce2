"""The page that sets this project's scores beside published ones and beside other methods."""
