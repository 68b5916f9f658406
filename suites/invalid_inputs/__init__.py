"""Any argument of the declared type is answered or refused as documented, and a refusal changes nothing."""
