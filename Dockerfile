# One image for each app: docker build --build-arg APP=aiwm -t agentfleet-aiwm .
# syntax=docker/dockerfile:1
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
ENV NX_DAEMON=false NX_TUI=false
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY nx.json tsconfig.base.json webpack.app.js ./
COPY libs libs
COPY apps apps
ARG APP
RUN test -n "$APP" || { echo "Say which app: --build-arg APP=aiwm|vps-bridge|cluster-agent|execution-gateway" >&2; exit 1; }
RUN npx nx build "$APP"

FROM node:${NODE_VERSION}-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:${NODE_VERSION}-bookworm-slim
WORKDIR /app
ARG APP
ARG GIT_COMMIT=unknown
# 0.0.0.0: a container is reached from outside itself.
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data APP=${APP} GIT_COMMIT=${GIT_COMMIT} NODE_COMPILE_CACHE=/app/compile-cache
RUN mkdir /data && chown node:node /data
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist/apps/${APP} dist
COPY tools/container-health.mjs ./
# Loads all modules once, so that their compiled form is in the image; that variables are missing does not matter here.
RUN node --enable-source-maps dist/main.js --check-env > /dev/null 2>&1 || true
USER node
VOLUME /data
EXPOSE 3305 18789 3306 8002
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "container-health.mjs"]
CMD ["node", "--enable-source-maps", "dist/main.js"]
