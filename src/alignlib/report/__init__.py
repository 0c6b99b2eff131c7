"""Reports that leave the house: one ordered document from the record, then each format from that document."""
