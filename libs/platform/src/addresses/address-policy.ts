import { BlockList, isIP, isIPv4 } from 'node:net';
import { embeddedIpv4, ipv6Bytes } from './ip-address';

/** What the policy says of an address; `loopback` is denied too, but by a switch that the operator can turn. */
export type AddressVerdict = 'allowed' | 'denied' | 'loopback';

/** What nobody may dial: no host, links, groups, and the metadata services of clouds, which give away credentials. */
const ALWAYS_DENIED: readonly string[] = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '192.0.0.192',
  '100.100.100.200',
  '168.63.129.16',
  '::',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd00:42::42',
  'fd00:c1::a9fe:a9fe',
  'fd20:ce::254',
];
const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1'];
/** Networks that outsiders cannot reach, but this app can. */
const PRIVATE: readonly string[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', 'fc00::/7', 'fec0::/10'];

/** True for `10.0.0.0/8`, `fd00::/8` and plain addresses. */
export function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  return bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Which addresses an app may dial that somebody gave it. Private networks are allowed: agents live there. */
export class AddressPolicy {
  private readonly denied: BlockList;
  private readonly loopback = blockList(LOOPBACK);
  private readonly inside = blockList([...LOOPBACK, ...PRIVATE]);

  /** @param denyCidrs denied besides; they beat everything. */
  constructor(
    private readonly options: { readonly allowLoopback: boolean; readonly denyCidrs: readonly string[] },
  ) {
    this.denied = blockList([...ALWAYS_DENIED, ...options.denyCidrs]);
  }

  /** Judges a literal address, and every IPv4 address inside an IPv6 one. Text that is no address is denied. */
  judge(address: string): AddressVerdict {
    if (isIPv4(address)) return this.judgeOne(address, 'ipv4');
    const bytes = ipv6Bytes(address);
    if (bytes === null) return 'denied';
    const verdicts = [this.judgeOne(address, 'ipv6'), ...embeddedIpv4(bytes).map((inner) => this.judgeOne(inner, 'ipv4'))];
    return verdicts.find((verdict) => verdict === 'denied') ?? verdicts.find((verdict) => verdict === 'loopback') ?? 'allowed';
  }

  /** Whether an address is on this machine or in a private network, where outsiders cannot see which ports are open. */
  isInside(address: string): boolean {
    if (isIPv4(address)) return this.inside.check(address, 'ipv4');
    const bytes = ipv6Bytes(address);
    if (bytes === null) return false;
    return this.inside.check(address, 'ipv6') || embeddedIpv4(bytes).some((inner) => this.inside.check(inner, 'ipv4'));
  }

  private judgeOne(address: string, family: 'ipv4' | 'ipv6'): AddressVerdict {
    if (this.denied.check(address, family)) return 'denied';
    return !this.options.allowLoopback && this.loopback.check(address, family) ? 'loopback' : 'allowed';
  }
}
