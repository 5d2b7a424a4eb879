/**
 * What is said on the lobby of the leader tier (PROTOCOL.md, 2.5):
 *
 * - `connect`, a tab: that client wants to reach the hub;
 * - `connected`, the hub: it listens for that client on {@link pairChannel} of the two;
 * - `up`, a hub that just started: whoever waits for one asks again.
 */
export type LobbyMessage = { connect: string } | { connected: string; bootId: string } | { up: string }
