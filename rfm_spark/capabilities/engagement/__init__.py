"""Campaign messages become engagement tiers, scores and suppression; what customers do by themselves is in `events`."""
