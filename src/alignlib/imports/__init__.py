"""How a client's files get into an engagement: what each is, what must be asked, and what is written down."""
