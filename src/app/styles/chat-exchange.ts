import { css } from 'lit'

/** A turn of a conversation. */
export const chatExchange = css`
  :host {
    display: grid;
    gap: var(--space-4);
  }

  .user {
    justify-self: end;
    max-width: 85%;
    padding: var(--space-2) var(--space-4);
    border-radius: var(--radius-l) var(--radius-l) 4px var(--radius-l);
    background: var(--surface-chosen);
  }

  .user p {
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }

  .elsewhere,
  .waiting {
    color: var(--ink-soft);
    font-size: var(--text-s);
  }

  .answer {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--space-3);
    min-width: 0;
  }

  /* Not at once: an answer out of the log is there before anybody reads this. */
  .waiting {
    animation: appear 0.1s 0.4s both;
  }

  @keyframes appear {
    from {
      opacity: 0;
    }
  }

  .waiting .icon {
    margin-right: var(--space-2);
    animation: flow 1.8s ease-in-out infinite;
  }

  @keyframes flow {
    50% {
      transform: translateX(3px);
      opacity: 0.5;
    }
  }

  .aside {
    border-left: 3px solid var(--line-strong);
    padding-left: var(--space-3);
    color: var(--ink-soft);
    font-size: var(--text-s);
  }

  summary {
    display: list-item;
    min-height: var(--target);
    line-height: var(--target);
    font-weight: 550;
    cursor: pointer;
  }

  .reasoning,
  .aside pre {
    margin: 0 0 var(--space-2);
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }

  .status {
    display: flex;
    flex-wrap: wrap;
    gap: 0 var(--space-2);
    align-items: center;
    padding: var(--space-2) var(--space-3);
    border-radius: var(--radius-m);
    font-size: var(--text-s);
  }

  .status button {
    margin-inline-start: auto;
  }

  .quiet {
    background: var(--tone-quiet-ground);
    color: var(--tone-quiet);
  }
  .busy {
    background: var(--tone-busy-ground);
    color: var(--tone-busy);
  }
  .warn {
    background: var(--tone-warn-ground);
    color: var(--tone-warn);
  }
  .bad {
    background: var(--tone-bad-ground);
    color: var(--tone-bad);
  }
`
