# The image of docker-compose.yml: `tutti serve`, compiled, without development dependencies.
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/scripts/forward.mjs ./scripts/forward.mjs
# `git` and the like are not in the image: add what the command tools of your catalogue call.
RUN mkdir -p /home/node/.tutti && chown node:node /home/node/.tutti
USER node
CMD ["node", "dist/src/cli/main.js", "serve"]
