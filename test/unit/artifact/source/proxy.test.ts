import { describe, expect, test } from "bun:test";
import { describeProxy, proxyFor, readProxies } from "../../../../src/artifact/source/proxy.ts";

const of = (url: string, env: Record<string, string>): string | null => proxyFor(new URL(url), readProxies(env));

describe("the proxy of a request", () => {
  test("is that of its scheme, and lower case goes first", () => {
    const env = { HTTP_PROXY: "http://a:1", HTTPS_PROXY: "b:2", http_proxy: "http://c:3" };
    expect(of("http://h/", env)).toBe("http://c:3");
    expect(of("https://h/", env)).toBe("http://b:2");
    expect(of("https://h/", { HTTP_PROXY: "http://a:1" })).toBeNull();
    expect(of("http://h/", {})).toBeNull();
    expect(of("http://h/", { http_proxy: "", HTTP_PROXY: "http://a:1" })).toBe("http://a:1");
  });

  test.each(["http://localhost/", "http://127.0.0.1:8080/", "http://127.9.9.9/", "http://[::1]/"])(
    "is none for this host itself: %s",
    (url) => {
      expect(of(url, { http_proxy: "http://a:1" })).toBeNull();
    },
  );

  test.each([
    ["http://h.example.org/", "example.org", true],
    ["http://example.org/", "example.org", true],
    ["http://EXAMPLE.org./", "Example.ORG", true],
    ["http://badexample.org/", "example.org", false],
    ["http://h.example.org/", ".example.org", true],
    ["http://h.example.org/", "*.example.org", true],
    ["http://example.org/", ".example.org", false],
    ["http://example.org:8080/", "example.org:8080", true],
    ["http://example.org/", "example.org:8080", false],
    ["http://example.org/", "example.org:80", true],
    ["http://10.1.2.3/", "10.0.0.0/8", true],
    ["http://11.1.2.3/", "10.0.0.0/8", false],
    ["http://10.1.2.3/", "x, 10.1.2.3", true],
    ["http://10.1.2.3/", ".2.3", false],
    ["http://10.1.2.3/", "10.0.0.0/99", false],
    ["http://[fd00::1]/", "fd00::/16", true],
    ["http://[fd00::1]:81/", "[fd00::1]:81", true],
    ["http://anything/", "*", true],
  ])("%s with NO_PROXY=%s goes straight: %p", (url, no, straight) => {
    expect(of(url, { http_proxy: "http://a:1", no_proxy: no }) === null).toBe(straight);
  });

  test("is told without its credentials", () => {
    expect(describeProxy("http://me:s3cret@h:3128/x")).toBe("http://h:3128");
    expect(describeProxy("s3cret")).toBe("***");
  });
});
