import { css } from 'lit'

/** Frame of the log view: head, tools, lines, foot. */
export const logView = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    height: 100%;
  }

  .tools {
    display: flex;
    flex-wrap: wrap;
    gap: var(--space-1);
    align-items: center;
    justify-content: flex-end;
    padding: var(--space-1) var(--space-3);
    border-bottom: 1px solid var(--line);
    background: var(--surface-raised);
    color: var(--ink-soft);
    font-size: var(--text-s);
  }

  .count {
    margin-right: auto;
    padding-left: var(--space-1);
    font-variant-numeric: tabular-nums;
  }

  hw-log-lines {
    flex: 1;
  }

  .foot {
    display: flex;
    flex-wrap: wrap;
    gap: 0 var(--space-2);
    align-items: center;
    padding: var(--space-2) var(--space-4);
    border-top: 2px solid currentColor;
    font-size: var(--text-s);
  }

  .foot.quiet {
    background: var(--tone-quiet-ground);
    color: var(--tone-quiet);
  }
  .foot.busy {
    background: var(--tone-busy-ground);
    color: var(--tone-busy);
  }
  .foot.warn {
    background: var(--tone-warn-ground);
    color: var(--tone-warn);
  }
  .foot.good {
    background: var(--tone-good-ground);
    color: var(--tone-good);
  }
  .foot.bad {
    background: var(--tone-bad-ground);
    color: var(--tone-bad);
  }

  select {
    max-width: 16rem;
  }

  @media (max-width: 720px) {
    .tools {
      padding: 0 var(--space-2);
    }

    select {
      max-width: 9rem;
    }

    /* Icons alone; the words stay for those who hear them. */
    .label {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
  }
`
