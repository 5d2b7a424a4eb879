import { css } from 'lit'

/** How rendered Markdown looks, and the colours of highlight.js' classes. */
export const markdown = css`
  :host {
    display: block;
    overflow-wrap: anywhere;
  }

  .block > :first-child {
    margin-top: 0;
  }

  .block > :last-child {
    margin-bottom: 0;
  }

  .block + .block {
    margin-top: var(--space-3);
  }

  p,
  ul,
  ol,
  blockquote,
  .code,
  .table {
    margin: var(--space-3) 0;
  }

  h1,
  h2,
  h3,
  h4,
  h5,
  h6 {
    margin: var(--space-4) 0 var(--space-2);
    font-size: var(--text-l);
    line-height: 1.3;
  }

  h3,
  h4,
  h5,
  h6 {
    font-size: var(--text-m);
  }

  ul,
  ol {
    padding-left: 1.5em;
  }

  li + li {
    margin-top: var(--space-1);
  }

  blockquote {
    padding-left: var(--space-3);
    border-left: 3px solid var(--line-strong);
    color: var(--ink-soft);
  }

  code {
    padding: 0.1em 0.35em;
    border-radius: 4px;
    background: var(--surface-sunken);
    font: 0.9em var(--font-mono);
  }

  .code {
    border: 1px solid var(--line);
    border-radius: var(--radius-m);
    background: var(--surface-raised);
    overflow: hidden;
  }

  .code-head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    padding-left: var(--space-3);
    border-bottom: 1px solid var(--line);
    color: var(--ink-soft);
    font-size: var(--text-s);
  }

  .code-head button {
    border: 0;
    border-radius: 0;
    background: transparent;
  }

  pre {
    margin: 0;
    padding: var(--space-3);
    overflow-x: auto;
    tab-size: 2;
  }

  pre code {
    padding: 0;
    background: none;
    font-size: var(--text-s);
  }

  .table {
    overflow-x: auto;
  }

  table {
    border-collapse: collapse;
  }

  th,
  td {
    padding: var(--space-1) var(--space-3);
    border: 1px solid var(--line);
    text-align: start;
    overflow-wrap: normal;
  }

  .center {
    text-align: center;
  }

  .right {
    text-align: end;
  }

  th {
    background: var(--surface-raised);
  }

  hr {
    margin: var(--space-4) 0;
    border: 0;
    border-top: 1px solid var(--line);
  }

  .hljs-keyword,
  .hljs-selector-tag,
  .hljs-literal,
  .hljs-built_in {
    color: var(--code-keyword);
  }

  .hljs-string,
  .hljs-regexp,
  .hljs-addition,
  .hljs-attribute {
    color: var(--code-string);
  }

  .hljs-number,
  .hljs-symbol,
  .hljs-variable,
  .hljs-template-variable {
    color: var(--code-number);
  }

  .hljs-comment,
  .hljs-quote,
  .hljs-meta {
    color: var(--code-comment);
    font-style: italic;
  }

  .hljs-title,
  .hljs-name,
  .hljs-attr,
  .hljs-type,
  .hljs-section {
    color: var(--code-name);
  }

  .hljs-deletion {
    color: var(--tone-bad);
  }
`
