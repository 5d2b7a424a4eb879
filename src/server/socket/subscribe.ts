import type { SubscribeFrame } from '../../protocol/socket.ts'
import type { Handshake } from './handshake.ts'
import { DataSubscription } from './data-subscription.ts'
import { PresenceSubscription } from './presence-subscription.ts'
import type { SocketServices } from './socket-services.ts'
import { channelTarget, eventsTarget, streamTarget } from './subscribe-target.ts'
import type { Target } from './subscribe-target.ts'
import type { Subscription, SubscriptionHost } from './subscription.ts'
import { Visitor } from './visitor.ts'

/** A subscription that is not opened yet, and the channel in which its client is present meanwhile, if in any. */
export interface Subscribed {
  readonly subscription: Subscription
  readonly channel: string | null
}

/** The subscription that a frame asks for. @throws {Refusal} where its names or offset are none */
export function makeSubscription(
  services: SocketServices,
  handshake: Handshake,
  frame: SubscribeFrame,
  host: SubscriptionHost,
): Subscribed {
  const visitor = new Visitor(services.context, handshake, frame.headers)
  if ('presence' in frame) {
    const { presence } = services
    return { channel: null, subscription: new PresenceSubscription(presence, frame.presence, frame.sub, host, visitor) }
  }
  const target = targetOf(services, visitor, frame)
  const subscription = new DataSubscription({
    sub: frame.sub,
    window: frame.window ?? Infinity,
    streams: services.streams,
    readers: services.context.readers,
    start: target.start,
    playlist: target.playlist,
    admit: ({ name }) => visitor.mayReadStream(name),
    host,
    onError: services.onError,
  })
  return { subscription, channel: target.channel === '' ? null : target.channel }
}

function targetOf(
  services: SocketServices,
  visitor: Visitor,
  frame: Exclude<SubscribeFrame, { readonly presence: string }>,
): Target {
  if ('events' in frame) return eventsTarget(services, visitor, frame.events, frame.offset)
  if ('channel' in frame) return channelTarget(services, visitor, frame.channel, frame.run ?? null, frame.offset)
  return streamTarget(services, visitor, frame.stream, frame.offset)
}
