"""The pictures: record and forecast, posterior of the period, spectrum, parameters in pairs."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

INK, SUN, SKY, GRAY = "#22303c", "#d9822b", "#2f6f9f", "#8a949c"
STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 170,
    "savefig.bbox": "tight",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def _save(figure, path):
    figure.savefig(path)
    plt.close(figure)
    return path


def _bands(axes, x, draws, color, label):
    """Median of draws [draws, N] with its central 68 % and 95 % bands."""
    low, lower, median, upper, high = np.percentile(draws, [2.5, 16, 50, 84, 97.5], axis=0)
    axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0, label=f"{label}, 95 %")
    axes.fill_between(x, lower, upper, color=color, alpha=0.3, lw=0, label="68 %")
    axes.plot(x, median, color=color, lw=1.4, label="median")


@plt.rc_context(STYLE)
def forecast(path, record, years, counts):
    """The record with the posterior prediction `counts` [draws, len(years)] and its forecast."""
    figure, (whole, zoom) = plt.subplots(
        2, 1, figsize=(10, 6.2), height_ratios=(1, 1.25), layout="constrained"
    )
    end = record.years[-1]
    for axes in (whole, zoom):
        axes.plot(
            record.years, record.counts, color=INK, lw=0.8, marker="o", ms=2.2, label="observed"
        )
        axes.set(ylabel="sunspot number", ylim=(0, 1.15 * record.counts.max()))
    future = years >= end
    _bands(zoom, years[future], counts[:, future], SUN, "forecast")
    low, median, high = np.percentile(counts[:, future], [16, 50, 84], axis=0)
    whole.fill_between(years[future], low, high, color=SUN, alpha=0.3, lw=0)
    whole.plot(years[future], median, color=SUN, lw=1.4)
    whole.set(xlim=(years[0], years[-1]), title="Three centuries of sunspots")
    past = ~future & (years >= end - 60)
    fit = np.percentile(counts[:, past], [2.5, 97.5], axis=0)
    zoom.fill_between(
        years[past], *fit, color=SKY, alpha=0.2, lw=0, label="model with the data, 95 %"
    )
    zoom.axvline(end, color=GRAY, lw=0.8, ls=":")
    zoom.set(xlim=(end - 60, years[-1]), xlabel="year", title="The last cycles, and the next")
    zoom.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=9)
    return _save(figure, path)


@plt.rc_context(STYLE)
def period(path, draws):
    """Histogram of the posterior draws of the period, in years."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    low, median, high = np.percentile(draws, [16, 50, 84])
    axes.hist(draws, bins=60, range=np.percentile(draws, [0.1, 99.9]), density=True, color=SUN)
    axes.axvspan(low, high, color=SKY, alpha=0.15, lw=0, zorder=0, label="68 % interval")
    axes.axvline(median, color=SKY, lw=1.4, label=f"median {median:.2f} yr")
    axes.set(
        xlabel="period (yr)",
        ylabel="posterior density (1/yr)",
        title="The length of the solar cycle",
    )
    axes.legend()
    return _save(figure, path)


@plt.rc_context(STYLE)
def spectrum(path, record, frequencies, cycle, noise):
    """Posterior spectra [draws, F] of the quasi-periodic model, and of red noise, on the data's."""
    figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
    power = np.abs(np.fft.rfft(record.values)) ** 2 / len(record.values)
    grid = np.fft.rfftfreq(len(record.values))
    axes.plot(
        grid[1:], power[1:], color=GRAY, lw=0.8, marker=".", ms=3, label="periodogram of the record"
    )
    _bands(axes, frequencies, cycle, SUN, "quasi-periodic model")
    axes.plot(frequencies, noise, color=SKY, lw=1.4, ls="--", label="red noise alone, best fit")
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(frequencies[0], 0.5),
        ylim=(1e-2, 3 * power.max()),
        xlabel="frequency (1/yr)",
        ylabel="power spectral density (counts yr)",
    )
    top = axes.secondary_xaxis("top", functions=(_invert, _invert))
    top.set_xlabel("period (yr)")
    top.set_xticks([100, 50, 22, 11, 5.5, 3, 2], ["100", "50", "22", "11", "5.5", "3", "2"])
    top.minorticks_off()
    axes.legend(fontsize=9, loc="lower left")
    return _save(figure, path)


def _invert(x):
    with np.errstate(divide="ignore"):
        return 1 / np.asarray(x, float)


@plt.rc_context(STYLE)
def pairs(path, draws, names, units):
    """Scatter of every pair of parameters, draws [draws, D], logarithmic axes."""
    size = draws.shape[1]
    figure, grid = plt.subplots(size, size, figsize=(10, 10), layout="constrained")
    limits = np.percentile(draws, [0.5, 99.5], axis=0).T
    labels = [f"{n} ({u})" if u else n for n, u in zip(names, units, strict=True)]
    for row in range(size):
        for column in range(size):
            axes = grid[row, column]
            if column > row:
                axes.set_visible(False)
                continue
            _panel(axes, draws, row, column, limits)
            axes.set_xlabel(labels[column] if row == size - 1 else "", fontsize=8)
            axes.set_ylabel(labels[row] if column == 0 and row else "", fontsize=8)
            axes.tick_params(labelsize=7, labelbottom=row == size - 1, labelleft=0 == column < row)
    figure.align_labels()
    return _save(figure, path)


def _panel(axes, draws, row, column, limits):
    if row == column:
        axes.hist(np.log(draws[:, row]), bins=40, range=np.log(limits[row]), color=SUN, alpha=0.75)
        axes.set_yticks([])
    else:
        x, y = np.log(draws[:, column]), np.log(draws[:, row])
        axes.plot(x, y, ".", color=SKY, ms=1.2, alpha=0.25, rasterized=True)
        axes.set_ylim(np.log(limits[row]))
        _log_ticks(axes.yaxis, limits[row])
    axes.set_xlim(np.log(limits[column]))
    _log_ticks(axes.xaxis, limits[column])


def _log_ticks(axis, limits):
    """Two or more round values on an axis that shows logarithms."""
    decade = 10.0 ** np.floor(np.log10(limits[0]))
    values = np.outer([decade, 10 * decade, 100 * decade], [1, 2, 3, 5]).ravel()
    values = values[(values > limits[0]) & (values < limits[1])]
    if len(values) < 2:
        values = np.round(np.geomspace(*limits, 4)[1:3], 1)
    axis.set_ticks(np.log(values), [f"{v:g}" for v in values])
