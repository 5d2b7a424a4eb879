import { css } from 'lit'

/** What every element with controls shares: boxes, focus, buttons, fields, hidden text. */
export const controls = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  [hidden] {
    display: none !important;
  }

  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }

  h1,
  h2,
  h3,
  p {
    margin: 0;
  }

  a {
    color: var(--accent);
  }

  .icon {
    flex: none;
    vertical-align: -0.25em;
  }

  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--space-2);
    min-height: var(--target);
    min-width: var(--target);
    padding: 0 var(--space-3);
    border: 1px solid var(--line);
    border-radius: var(--radius-s);
    background: var(--surface);
    color: var(--ink);
    font: inherit;
    font-size: var(--text-s);
    font-weight: 550;
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
  }

  button:hover:not([aria-disabled='true']),
  .button:hover {
    border-color: var(--line-strong);
    background: var(--surface-raised);
  }

  button[aria-disabled='true'] {
    color: var(--ink-soft);
    cursor: not-allowed;
  }

  .primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--ink-on-accent);
  }

  .primary[aria-disabled='true'] {
    background: var(--surface-sunken);
    color: var(--ink-soft);
  }

  .primary:hover:not([aria-disabled='true']) {
    border-color: transparent;
    background: var(--accent-hover);
  }

  .plain {
    border-color: transparent;
    background: transparent;
  }

  .square {
    padding: 0;
  }

  button[aria-pressed='true'] {
    border-color: var(--accent);
    background: var(--surface-chosen);
  }

  select,
  textarea {
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-s);
    background: var(--surface);
    color: var(--ink);
    font: inherit;
  }

  select {
    min-height: var(--target);
    max-width: 100%;
    padding: 0 var(--space-2);
    font-size: var(--text-s);
  }

  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
      scroll-behavior: auto !important;
    }
  }
`
