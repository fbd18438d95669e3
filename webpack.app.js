const { readFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const swagger = require('@nestjs/swagger/plugin');

/** `@agentfleet/errors` → `libs/errors/src/index.ts`, from the one place that says so. */
function libraries() {
  const { paths } = JSON.parse(readFileSync(join(__dirname, 'tsconfig.base.json'), 'utf8')).compilerOptions;
  return Object.fromEntries(Object.entries(paths).map(([name, [file]]) => [`${name}$`, join(__dirname, file)]));
}

/** Packages of node_modules stay outside the bundle. */
function packagesOutside({ request }, callback) {
  const isPackage = !/^[./]/.test(request) && !request.startsWith('@agentfleet/');
  return isPackage ? callback(null, `commonjs ${request}`) : callback();
}

/**
 * One bundle per app, by TypeScript's own compiler: the Swagger plugin needs the type checker, without it the schemas of
 * the OpenAPI document come out empty.
 */
module.exports = (projectRoot) => ({
  mode: 'production',
  target: 'node',
  context: projectRoot,
  entry: './src/main.ts',
  devtool: 'source-map',
  output: { path: join(__dirname, 'dist/apps', basename(projectRoot)), filename: 'main.js', clean: true },
  optimization: { minimize: false, nodeEnv: false },
  performance: false,
  resolve: { extensions: ['.ts', '.js'], alias: libraries() },
  externals: [packagesOutside],
  module: {
    rules: [
      {
        test: /\.ts$/,
        loader: 'ts-loader',
        options: {
          configFile: join(projectRoot, 'tsconfig.json'),
          getCustomTransformers: (program) => ({
            before: [swagger.before({ dtoFileNameSuffix: ['.dto.ts'], introspectComments: true }, program)],
          }),
        },
      },
    ],
  },
  stats: 'errors-warnings',
});
