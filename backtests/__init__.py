"""What happened next: the only package that looks forward."""
