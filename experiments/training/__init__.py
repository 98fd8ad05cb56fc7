"""Training deep surrogates, and what the binary networks behind them are worth."""
