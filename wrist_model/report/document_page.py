"""A report's model card or checklist as an HTML page of its own, from its Markdown."""

from __future__ import annotations

import html

from markdown_it import MarkdownIt

_STYLE = (
    "body{font:16px/1.55 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b2733;"
    "background:#fff}table{border-collapse:collapse;display:block;overflow-x:auto;max-width:100%}"
    "th,td{border:1px solid #c5ccd4;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "code{overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#e4e9ee;background:#161b21}th,td{border-color:#46515d}}"
    "@media print{body{margin:0;max-width:none;font-size:10pt;color:#000;background:#fff}table{display:table}"
    "h1,h2,h3{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}}"
)


def document_page(markdown: str) -> str:
    """HTML that needs nothing else, titled by the first heading. HTML in the Markdown is shown as text, and no address
    in it becomes a link."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    title = html.escape(markdown.partition("\n")[0].lstrip("# ").replace("`", ""))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{title}</title><style>{_STYLE}</style></head>\n'
        f"<body>\n{made.render(markdown)}</body></html>\n"
    )
