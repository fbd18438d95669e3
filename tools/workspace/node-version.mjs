// Read by whatever Node is installed before anything else is: old syntax, no imports.

/** @returns {string | undefined} what to tell somebody whose Node is too old */
export function nodeProblem(version) {
  var parts = version.replace(/^v/, '').split('.').map(Number);
  if (parts[0] > 20 || (parts[0] === 20 && parts[1] >= 19)) return undefined;
  return (
    'Agentfleet needs Node 20.19 or newer; this is Node ' + version.replace(/^v/, '') + '.\n' +
    'Install a newer one from https://nodejs.org or with a version manager, for example:  nvm install 22'
  );
}

/** Ends the process with one clear message when this Node is too old. */
export function requireNode() {
  var problem = nodeProblem(process.version);
  if (!problem) return;
  console.error(problem);
  process.exit(1);
}
