"""The task ranking: all that only candidates for a query have, from grades to nDCG."""
