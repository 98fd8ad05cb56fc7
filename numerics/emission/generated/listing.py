"""The catalogue by its parts, by `python -m meanbits.numerics.generate`."""

SURROGATES: list[dict[str, str]] = [
    {'name': 'continuous', 'weights': 'fixed', 'neurons': 'tanh', 'treatment': 'none', 'form': 'exact', 'reference': 'Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232'},
    {'name': 'deterministic', 'weights': 'binary', 'neurons': 'sign', 'treatment': 'marginalise', 'form': 'exact', 'reference': 'Stamatescu et al. 2020, arXiv 1902.00177'},
    {'name': 'soudry', 'weights': 'binary', 'neurons': 'sign', 'treatment': 'marginalise', 'form': 'exact', 'reference': 'Soudry, Hubara, Meir 2014, NeurIPS 27'},
    {'name': 'baldassi', 'weights': 'binary', 'neurons': 'sign', 'treatment': 'marginalise', 'form': 'exact', 'reference': 'Baldassi et al. 2018, arXiv 1710.09825'},
    {'name': 'lrt', 'weights': 'binary', 'neurons': 'stochastic (logistic)', 'treatment': 'sample', 'form': 'exact', 'reference': 'Stamatescu et al. 2020, arXiv 1902.00177'},
    {'name': 'shayer', 'weights': 'binary', 'neurons': 'tanh', 'treatment': 'sample', 'form': 'exact', 'reference': 'Shayer, Levi, Fetaya 2017, arXiv 1710.07739'},
    {'name': 'peters-welling', 'weights': 'binary', 'neurons': 'sign', 'treatment': 'sample-neurons', 'form': 'exact', 'reference': 'Peters & Welling 2018, arXiv 1809.03368'},
    {'name': 'moment-matching', 'weights': 'binary', 'neurons': 'relu', 'treatment': 'marginalise', 'form': 'exact', 'reference': 'Hernandez-Lobato & Adams 2015, arXiv 1502.05336'},
    {'name': 'random-binary', 'weights': 'fixed signs', 'neurons': 'sign', 'treatment': 'none', 'form': 'exact', 'reference': 'Stamatescu et al. 2020, appendix; Blumenfeld et al. 2019, arXiv 1906.00771'},
    {'name': 'stochastic-binary', 'weights': 'binary', 'neurons': 'stochastic (logistic)', 'treatment': 'network', 'form': 'exact', 'reference': 'Stamatescu et al. 2020, appendix'},
]

CHAINS: list[dict[str, str]] = [
    {'name': 'binaryconnect-ste', 'weights': 'fixed signs', 'neurons': 'sign, backward clip', 'treatment': 'none', 'blocks': 'sign, backward clip neurons, dense (fixed signs weights)', 'reference': 'Courbariaux, Bengio, David 2015, arXiv 1511.00363; Hubara et al. 2016, arXiv 1602.02830'},
    {'name': 'xnor', 'weights': 'fixed signs', 'neurons': 'sign, backward clip', 'treatment': 'none', 'blocks': 'batch norm, sign, backward clip neurons, dense (fixed signs weights), scale sqrt(2)/sqrt(pi)', 'reference': 'Rastegari et al. 2016, arXiv 1603.05279'},
    {'name': 'bi-real', 'weights': 'fixed signs', 'neurons': 'sign, backward approxsign', 'treatment': 'none', 'blocks': 'skip 1 x + 1 (sign, backward approxsign neurons, dense (fixed signs weights), batch norm)', 'reference': 'Liu et al. 2018, arXiv 1808.00278'},
    {'name': 'bitlinear', 'weights': 'absmean', 'neurons': 'expr:max(0, h) ** 2', 'treatment': 'none', 'blocks': 'skip 1 x + 1 (rms norm, expr:max(0, h) ** 2 neurons, dense (absmean weights), scale sqrt(2)/sqrt(pi))', 'reference': 'Ma et al. 2024, arXiv 2402.17764; squared relu of Ma et al. 2025, arXiv 2504.12285'},
    {'name': 'quantised-k', 'weights': 'fixed', 'neurons': 'quantiser:4, backward clip', 'treatment': 'none', 'blocks': 'quantiser:4, backward clip neurons, dense (fixed weights)', 'reference': 'Blumenfeld, Gilboa, Soudry 2019, arXiv 1906.00771'},
    {'name': 'dorefa-like', 'weights': 'fixed signs', 'neurons': 'bits:2, backward unit', 'treatment': 'none', 'blocks': 'batch norm, bits:2, backward unit neurons, dense (fixed signs weights), scale sqrt(2)/sqrt(pi)', 'reference': 'Zhou et al. 2016, arXiv 1606.06160'},
]
