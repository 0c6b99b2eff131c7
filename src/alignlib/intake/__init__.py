"""From a client's files to checked tables whose row counts balance."""
