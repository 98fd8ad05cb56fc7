"""A check as a page of its own: no script, no network, all text escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from jinja2 import Environment

from meanbits.experiments.check.figure import draw
from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.repeated import Repeated
from meanbits.experiments.check.rows import Row
from meanbits.experiments.check.text import HEADER, LEGEND, cells, remarks

ENVIRONMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
FRAGMENT = ENVIRONMENT.from_string("""\
{% for finding in findings %}
<section><h2>{{ finding.name }}, at <code>{{ finding.layer or "the model" }}</code></h2>
<p>{{ finding.why }}.</p><p><strong>Remedy:</strong> {{ finding.remedy }}.</p>
<pre tabindex="0"><code>{{ finding.code }}</code></pre>
</section>
{% else %}
<p><strong>ok</strong>: no cause of failure was found.</p>
{% endfor %}
{% for remark in remarks %}<p>{{ remark }}.</p>{% endfor %}
{% if rows %}
<p class="legend">{{ legend }}.</p>
<div class="wide" tabindex="0" role="region" aria-label="All layers"><table>
<thead><tr>{% for name in header %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr{% if row.named %} class="named"{% endif %}><th scope="row">{{ row.cells[0] or "(model)" }}</th>
{% for cell in row.cells[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endif %}
""")
PAGE = ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
       background: #fff }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
.legend { color: #444; font-size: .85rem } th, td { text-align: left; padding: .15rem .7rem }
thead th { border-bottom: 2px solid #444 } tbody tr:nth-child(even) { background: #f3f5f7 }
tr.named, tbody tr.named:nth-child(even) { background: #fbe3d6; font-weight: 600 }
pre { background: #f3f5f7; padding: .7rem; overflow-x: auto }
.wide { overflow-x: auto } img { max-width: 100%; height: auto }
@media print { body { margin: 0; max-width: none } }
</style></head>
<body><main><h1>{{ title }}</h1>
{{ fragment | safe }}{# escaped above #}
{% if image %}
<h2>Layer by layer</h2>
<img alt="Mean square, correlation and squared gradients over the layers, measured and by theory"
 src="data:image/png;base64,{{ image }}">
{% endif %}
</main></body></html>
""")


def page(rows: Sequence[Row], findings: Sequence[Finding], repeated: Repeated | None) -> str:
    """One HTML document."""
    title = f"meanbits check: {findings[0].name}" if findings else "meanbits check: ok"
    inside = fragment(rows, findings, repeated)
    return PAGE.render(title=title, fragment=inside, image=_image(rows) if rows else "")


def fragment(rows: Sequence[Row], findings: Sequence[Finding], repeated: Repeated | None) -> str:
    """Verdict and table, for a page or a notebook."""
    lines = [{"cells": cells(row), "named": bool(findings) and row.layer == findings[0].layer} for row in rows]
    return FRAGMENT.render(rows=lines, findings=findings, remarks=remarks(rows, repeated), header=HEADER, legend=LEGEND)


def _image(rows: Sequence[Row]) -> str:
    drawn = io.BytesIO()
    draw(rows).savefig(drawn, format="png", dpi=110, metadata={"Software": None})
    return base64.b64encode(drawn.getvalue()).decode()
