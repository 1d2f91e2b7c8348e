"""One module a contender: ``fetch`` leaves what a server holds in a folder."""
