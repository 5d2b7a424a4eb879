import { css } from 'lit'

/** The frame of the application. At 720 px and below one screen at a time. */
export const appShell = css`
  :host {
    display: block;
    height: 100%;
  }

  .frame {
    display: grid;
    grid-template: auto minmax(0, 1fr) / 20rem minmax(0, 1fr);
    height: 100dvh;
  }

  .notices {
    grid-column: 1 / -1;
  }

  nav {
    display: flex;
    flex-direction: column;
    min-height: 0;
    border-right: 1px solid var(--line);
    background: var(--surface);
  }

  .brand,
  .head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
  }

  .brand {
    min-height: 3.5rem;
    border-bottom: 1px solid var(--line);
  }

  .home {
    display: inline-flex;
    gap: var(--space-2);
    align-items: center;
    min-height: var(--target);
    color: var(--ink);
    font-size: var(--text-l);
    font-weight: 650;
    letter-spacing: -0.01em;
    text-decoration: none;
  }

  .head {
    padding-right: var(--space-4);
    padding-top: var(--space-3);
  }

  h2 {
    color: var(--ink-soft);
    font-size: var(--text-s);
    font-weight: 600;
    letter-spacing: 0.04em;
    text-transform: uppercase;
  }

  h2:focus-visible,
  main:focus-visible {
    outline: none;
  }

  hw-channel-list {
    flex: 1;
    min-height: 0;
    overflow-y: auto;
  }

  hw-notify-switch {
    padding: var(--space-2);
    border-top: 1px solid var(--line);
  }

  main {
    min-width: 0;
    min-height: 0;
    overflow: hidden;
  }

  .skip {
    position: absolute;
    z-index: 1;
    left: var(--space-2);
    top: var(--space-2);
    transform: translateY(-200%);
  }

  .skip:focus {
    transform: none;
  }

  .nowhere {
    display: grid;
    gap: var(--space-4);
    justify-items: start;
    padding: var(--space-6);
  }

  .nowhere p {
    overflow-wrap: anywhere;
    color: var(--ink-soft);
  }

  @media (max-width: 720px) {
    .frame {
      grid-template-columns: minmax(0, 1fr);
    }

    .view nav,
    .skip {
      display: none;
    }

    /* The list's screen goes on with how to begin; it scrolls as one. */
    .list {
      grid-template-rows: auto auto 1fr;
      align-content: start;
      overflow-y: auto;
    }

    .list main {
      overflow: visible;
      border-top: 1px solid var(--line);
    }

    nav {
      border-right: 0;
    }
  }
`
