"""Whether customers, clusters, rates and trackers changed more than by chance; who moved is told in `movement`."""
