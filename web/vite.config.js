import { defineConfig } from "vitest/config";

// Relative addresses only: the pages may live under any path. Nothing comes from a CDN.
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
    // index.html is the page of jams, riffs.html that of single riffs.
    rollupOptions: { input: ["index.html", "riffs.html"] },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
