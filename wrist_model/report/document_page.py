"""A report's model card or checklist as an HTML page of its own, from its Markdown."""

from __future__ import annotations

import html

from markdown_it import MarkdownIt

_STYLE = (
    ":root{--paper:#fff;--ink:#1b2733;--line:#c5ccd4;--edge:#9fb0bc88}"
    "body{font:16px/1.55 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:var(--ink);"
    "background:var(--paper);overflow-wrap:anywhere}"
    # A wide table scrolls by itself; an edge that fades says that there is more.
    "table{border-collapse:collapse;display:block;overflow-x:auto;max-width:100%;overflow-wrap:normal;background:"
    "linear-gradient(to right,var(--paper) 40%,transparent) 0 0/3rem 100% no-repeat local,"
    "linear-gradient(to left,var(--paper) 40%,transparent) 100% 0/3rem 100% no-repeat local,"
    "linear-gradient(to right,var(--edge),transparent) 0 0/1.1rem 100% no-repeat scroll,"
    "linear-gradient(to left,var(--edge),transparent) 100% 0/1.1rem 100% no-repeat scroll}"
    "th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "code{overflow-wrap:anywhere}"
    "@media(max-width:40rem){body{margin:1rem auto}.checklist thead{display:none}"
    ".checklist :is(tbody,tr,td){display:block}.checklist td{border:0;padding:.1rem 0;overflow-wrap:anywhere}"
    ".checklist td:is(:nth-child(1),:nth-child(2)){display:inline;font-size:.85rem;opacity:.75}"
    ".checklist td:nth-child(3){font-weight:600}.checklist tr{border-bottom:1px solid var(--line);padding:.5rem 0}}"
    "@media(prefers-color-scheme:dark){:root{--paper:#161b21;--ink:#e4e9ee;--line:#46515d;--edge:#56677588}}"
    "@media print{:root{--paper:#fff;--ink:#000;--line:#c5ccd4}body{margin:0;max-width:none;font-size:10pt}"
    "table{display:table;background:none}h1,h2,h3{break-after:avoid}tr{break-inside:avoid}"
    "thead{display:table-header-group}}"
)


def document_page(markdown: str) -> str:
    """HTML that needs nothing else, titled by the first heading. HTML in the Markdown is shown as text, and no address
    in it becomes a link. On a phone a checklist's items stand one below the other, its answers whole."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    title = html.escape(markdown.partition("\n")[0].lstrip("# ").replace("`", ""))
    kind = ' class="checklist"' if "\n| item |" in markdown else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{title}</title><style>{_STYLE}</style></head>\n'
        f"<body{kind}>\n{made.render(markdown)}</body></html>\n"
    )
