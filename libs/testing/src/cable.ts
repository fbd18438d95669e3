import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The cable between an app and a database: it can be pulled and put back. */
export class Cable {
  private plugged = true;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly uri: string,
  ) {}

  static async to(mongodbUri: string): Promise<Cable> {
    const target = new URL(mongodbUri);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // a TCP server's address is never a string
    const through = new URL(mongodbUri);
    through.host = `127.0.0.1:${port}`;
    through.searchParams.delete('replicaSet');
    through.searchParams.set('directConnection', 'true'); // else the driver goes on to the address that the replica set names
    const cable = new Cable(server, through.toString());
    server.on('connection', (socket) => cable.join(socket, Number(target.port)));
    return cable;
  }

  get mongodbUri(): string {
    return this.uri;
  }

  pull(): void {
    this.plugged = false;
    for (const socket of this.sockets) socket.destroy();
  }

  putBack(): void {
    this.plugged = true;
  }

  async close(): Promise<void> {
    this.pull();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(socket: Socket, port: number): void {
    if (!this.plugged) {
      socket.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [[socket, far], [far, socket]] as const) {
      this.sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
