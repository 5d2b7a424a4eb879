import { css, unsafeCSS } from 'lit'
import type { CSSResult } from 'lit'

const palette: CSSResult = unsafeCSS(
  Array.from({ length: 16 }, (_, i) => `.fg-${i}{color:var(--ansi-${i})}.bg-${i}{background:var(--ansi-${i});color:var(--surface)}`).join(''), // prettier-ignore
)

/** The virtual list of a log's lines, and the colours that a terminal would show. */
export const logLines = css`
  :host {
    position: relative;
    display: flex;
    flex-direction: column;
    min-height: 0;
    background: var(--surface);
  }

  .scroller {
    flex: 1;
    min-height: 0;
    overflow: auto;
    overflow-anchor: none;
    contain: strict;
    font: 13px / var(--log-line) var(--font-mono);
    tab-size: 8;
  }

  .scroller:focus-visible {
    outline-offset: -2px;
  }

  .all {
    position: relative;
    width: max-content;
    min-width: 100%;
  }

  .wrap .all {
    width: 100%;
  }

  .shown {
    width: 100%;
  }

  .line {
    display: flex;
    min-height: var(--log-line);
    padding-right: var(--space-4);
    white-space: pre;
  }

  .wrap .line {
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }

  .line:hover {
    background: var(--surface-raised);
  }

  .number {
    flex: none;
    width: 7ch;
    padding-right: 1.5ch;
    color: var(--ink-soft);
    text-align: end;
    user-select: none;
  }

  /* Marks that turn the direction of writing end with what they came in, and cannot reorder our own words. */
  .text {
    unicode-bidi: isolate;
  }

  .note .text {
    color: var(--tone-warn);
    font-style: italic;
  }

  .placeholder {
    padding: var(--space-5) var(--space-4);
    color: var(--ink-soft);
    font: var(--text-m) / var(--leading) var(--font);
  }

  .notice {
    padding: var(--space-1) var(--space-4);
    background: var(--tone-warn-ground);
    color: var(--tone-warn);
    font-size: var(--text-s);
  }

  .notice.bad {
    background: var(--tone-bad-ground);
    color: var(--tone-bad);
  }

  .jump {
    position: absolute;
    right: var(--space-5);
    bottom: var(--space-4);
    border-radius: 99px;
    box-shadow: var(--shadow);
  }

  .bold {
    font-weight: 700;
  }
  .dim {
    color: var(--ink-soft);
  }
  .italic {
    font-style: italic;
  }
  .underline {
    text-decoration: underline;
  }
  .strike {
    text-decoration: line-through;
  }

  ${palette}

  /* A colour of the program's own, chosen for a ground that is not ours: its lightness gives way until it can be read (4.5:1). */
  .own {
    color: var(--own);
    color: light-dark(oklch(from var(--own) min(l, 0.52) c h), oklch(from var(--own) max(l, 0.7) c h));
  }

  .inverse {
    background: var(--ink);
    color: var(--surface);
  }

  @media (max-width: 720px) {
    .number {
      width: 5ch;
      padding-right: 1ch;
    }
  }
`
