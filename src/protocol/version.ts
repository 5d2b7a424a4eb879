/**
 * The version of what tabs and hubs say to each other, a diary with a floor: messages grow by optional fields only;
 * a change that an older peer would misread raises `PROTOCOL_VERSION`, and `MIN_PROTOCOL_VERSION` once the old way is gone.
 *
 * - 1: the first.
 */
export const PROTOCOL_VERSION = 1
export const MIN_PROTOCOL_VERSION = 1
