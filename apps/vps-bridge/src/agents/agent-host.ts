import { isIP } from 'node:net';
import { judgeHost, type AddressPolicy } from '@agentfleet/platform';

/** What is wrong with a host at registration, undefined when nothing is. Names are judged when they are connected to. */
export function hostProblem(host: string, policy: AddressPolicy): string | undefined {
  switch (judgeHost(host, policy)) {
    case 'allowed':
      return undefined;
    case 'no_host':
      return 'must be a host name or an IP address, without scheme, port or path';
    case 'loopback':
      return 'must not be a loopback address (set VPS_ALLOW_LOOPBACK=true to allow it)';
    case 'denied':
      return 'must not be an address that the bridge may not call';
  }
}

/** `protocol://host:port`, IPv6 in brackets. */
export function agentUrl(agent: { readonly protocol: string; readonly host: string; readonly port: number }): string {
  const host = isIP(agent.host) === 6 ? `[${agent.host}]` : agent.host;
  return `${agent.protocol}://${host}:${agent.port}`;
}
