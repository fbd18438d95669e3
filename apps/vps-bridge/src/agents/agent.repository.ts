import type { VpsRegistration } from '@agentfleet/contracts';
import { FieldCipher, collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { AgentDocument } from './agent.schema';
import type { AgentAddress, VpsAgent } from './agent';

/** Binds an encrypted token to its agent, so that records cannot be swapped. */
const tokenContext = (orgId: string, name: string) => `vps_agents.auth_token/${orgId}/${name}`;

/** Registered agents; tokens are encrypted on their way in and plain only in memory. */
@Injectable()
export class AgentRepository {
  constructor(
    @InjectConnection() private readonly connection: Connection,
    private readonly cipher: FieldCipher,
  ) {}

  private get collection() {
    return collection<AgentDocument>(this.connection, 'vps_agents');
  }

  async findByName(orgId: string, name: string, tx?: Transaction): Promise<VpsAgent | null> {
    const document = await this.collection.findOne({ orgId, name }, tx ? { session: tx.session } : {});
    return document === null ? null : this.toAgent(document);
  }

  /** All agents of an organization, by name, without their tokens: a list must not fail over one that cannot be read. */
  async list(orgId: string): Promise<readonly AgentAddress[]> {
    const projection = { name: 1, host: 1, port: 1, protocol: 1 };
    const documents = await this.collection.find({ orgId }, { projection }).sort({ name: 1 }).toArray();
    return documents.map(({ name, host, port, protocol }) => ({ name, host, port, protocol }));
  }

  /** @returns the new agent's id. */
  async insert(tx: Transaction, orgId: string, registration: VpsRegistration, now: Date): Promise<string> {
    const _id = new Types.ObjectId();
    await this.collection.insertOne({ _id, orgId, ...this.toFields(orgId, registration), createdAt: now, updatedAt: now }, { session: tx.session });
    return _id.toHexString();
  }

  async replace(tx: Transaction, agent: VpsAgent, registration: VpsRegistration, now: Date): Promise<void> {
    const fields = this.toFields(agent.orgId, registration);
    await this.collection.updateOne({ _id: new Types.ObjectId(agent.id) }, { $set: { ...fields, updatedAt: now } }, { session: tx.session });
  }

  async remove(tx: Transaction, agentId: string): Promise<void> {
    await this.collection.deleteOne({ _id: new Types.ObjectId(agentId) }, { session: tx.session });
  }

  private toFields(orgId: string, registration: VpsRegistration): VpsRegistration {
    const { authToken, name } = registration;
    return { ...registration, authToken: authToken === null ? null : this.cipher.encrypt(authToken, tokenContext(orgId, name)) };
  }

  private toAgent({ _id, ...fields }: AgentDocument): VpsAgent {
    const { authToken, orgId, name } = fields;
    const plain = authToken === null ? null : this.cipher.decrypt(authToken, tokenContext(orgId, name));
    return { ...fields, id: _id.toHexString(), authToken: plain };
  }
}
