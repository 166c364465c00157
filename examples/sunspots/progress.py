"""A progress bar fed from compiled code: rich if installed, else tqdm, else plain lines."""

from contextlib import contextmanager


def _plain(total, label):
    shown = [-10.0]

    def show(done, text):
        percent = 100 * done / total
        if percent >= shown[0] + 10 or done == total:
            shown[0] = percent
            print(f"{label} {percent:3.0f} %  {text}", flush=True)

    return show, lambda: None


def _tqdm(total, label):
    from tqdm import tqdm

    bar = tqdm(total=total, desc=label, unit="it")

    def show(done, text):
        bar.set_postfix_str(text, refresh=False)
        bar.update(done - bar.n)

    return show, bar.close


def _rich(total, label):
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  {task.fields[text]}"),
        TimeElapsedColumn(),
    )
    task = bar.add_task(label, total=total, text="")
    bar.start()
    return lambda done, text: bar.update(task, completed=done, text=text), bar.stop


@contextmanager
def progress(total, label):
    """Open a bar; yields show(done, text)."""
    for make in (_rich, _tqdm, _plain):
        try:
            show, close = make(total, label)
            break
        except ImportError:
            continue
    try:
        yield show
    finally:
        close()
