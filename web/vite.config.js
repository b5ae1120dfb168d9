import { defineConfig } from "vitest/config";

// Relative addresses only: the page may live under any path. One script, one sheet, no CDN.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../riffbot/web/built",
    emptyOutDir: true,
    assetsDir: "app",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 900,
  },
  test: { include: ["tests/**/*.test.ts"] },
});
