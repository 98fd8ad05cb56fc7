"""A user's model beside the theory of its blocks: read, measure, recognise, predict, name the cause."""
