import { createConfig, lintFromString } from '@redocly/openapi-core';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

/** Where a recommended rule does not fit, and why. */
const EXCEPTIONS = [
  { rule: 'operation-4xx-response', path: /^#\/paths\/~1(api~1v1~1)?health(~1|\/)|^#\/paths\/~1metrics|^#\/paths\/~1\.well-known/, reason: 'public and without parameters: there is nothing that a caller could do wrong' },
];

const RULES = {
  'no-invalid-media-type-examples': 'error',
  'no-invalid-schema-examples': 'error',
  'no-invalid-parameter-examples': 'error',
};

/** Redocly's recommended rules, and every example held against its schema. @returns {Promise<string[]>} */
async function lintProblems(app, text) {
  const config = await createConfig({ extends: ['recommended'], rules: RULES });
  const problems = await lintFromString({ source: text, absoluteRef: `${app}.json`, config });
  return problems
    .map(({ ruleId, location, message }) => ({ ruleId, pointer: location[0]?.pointer ?? '', message }))
    .filter(({ ruleId, pointer }) => !EXCEPTIONS.some((exception) => exception.rule === ruleId && exception.path.test(pointer)))
    .map(({ ruleId, pointer, message }) => `${ruleId} at ${pointer}: ${message}`);
}

function operations(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ name: `${method.toUpperCase()} ${path}`, path, method, operation: item[method] })),
  );
}

/** What the recommended rules do not ask: what each answer looks like, and that nothing is a parameter twice. */
function operationProblems({ name, operation }) {
  const problems = [];
  const responses = Object.entries(operation.responses ?? {});
  if (!operation.summary) problems.push(`${name} has no summary`);
  if (!responses.some(([status]) => status.startsWith('2'))) problems.push(`${name} has no answer of success`);
  for (const [status, response] of responses) {
    if (status === '204' || status.startsWith('3')) continue;
    const contents = Object.values(response.content ?? {});
    if (contents.length === 0) problems.push(`${name} ${status} does not say what it looks like`);
    if (contents.some(({ schema }) => !schema)) problems.push(`${name} ${status} has no schema`);
  }
  const seen = new Set();
  for (const parameter of operation.parameters ?? []) {
    const key = `${parameter.in} ${parameter.in === 'header' ? parameter.name.toLowerCase() : parameter.name}`;
    if (seen.has(key)) problems.push(`${name} has the parameter ${key} twice`);
    seen.add(key);
    if (!parameter.schema?.type && !parameter.schema?.$ref && !parameter.schema?.enum) problems.push(`${name}: the parameter ${key} has no type`);
  }
  const body = operation.requestBody?.content?.['application/json'];
  if (body && !body.example && !body.examples && !body.schema?.$ref) problems.push(`${name}: its body has no example`);
  return problems;
}

/**
 * All that is wrong with the OpenAPI document of an app: not valid, an example that its own schema refuses, an operation
 * without summary, answers or errors.
 * @param {string} text the document as JSON
 * @returns {Promise<string[]>} one line for each problem
 */
export async function documentProblems(app, text) {
  const document = JSON.parse(text);
  const own = operations(document).flatMap(operationProblems);
  if (!document.servers?.length) own.push('there is no server');
  return [...(await lintProblems(app, text)), ...own];
}
