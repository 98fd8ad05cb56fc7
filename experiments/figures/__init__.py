"""The data of the figures: each module measures one, as a labelled dataset with its settings."""
