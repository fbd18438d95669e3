// The image's health check: whether the app in this container is ready.
const PORTS = {
  aiwm: process.env.AIWM_PORT ?? 3305,
  'vps-bridge': process.env.VPS_BRIDGE_PORT ?? 18789,
  'cluster-agent': process.env.CLUSTER_AGENT_PORT ?? 3306,
  'execution-gateway': process.env.UA_GATEWAY_PORT ?? 8002,
};

const answer = await fetch(`http://127.0.0.1:${PORTS[process.env.APP]}/health/ready`).catch(() => undefined);
process.exit(answer?.ok ? 0 : 1);
