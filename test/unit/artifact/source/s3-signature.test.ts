import { expect, test } from "bun:test";
import { encodeS3Path, signS3Request } from "../../../../src/artifact/source/s3-signature.ts";

const credentials = { keyId: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token: null };
const scope = { credentials, region: "us-east-1", at: new Date("2013-05-24T00:00:00Z") };

test("a request is signed as botocore 1.43.11 signs it", () => {
  const signed = signS3Request(new URL("https://examplebucket.s3.amazonaws.com/test.txt"), scope);
  expect(signed["x-amz-date"]).toBe("20130524T000000Z");
  expect(signed["authorization"]).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=df548e2ce037944d03f3e68682813b093763996d597cf890ca3d9037fd231eb4",
  );
  const more = signS3Request(new URL("https://s3.eu-west-1.amazonaws.com/b/my%20file%2Bx.txt?versionId=a%2Fb"), {
    ...scope,
    region: "eu-west-1",
    credentials: { ...credentials, token: "to/ken=" },
  });
  expect(more["authorization"]).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=a2919cd1fc32aa5c8d52340d35ddf84b66d5c5838df4b60bc6d2f48a429e7734",
  );
  expect(more["x-amz-security-token"]).toBe("to/ken=");
});

test("a path has every byte escaped but those that never are", () => {
  expect(encodeS3Path("/b/a b+c(1)!*'~.-_é=&/")).toBe("/b/a%20b%2Bc%281%29%21%2A%27~.-_%C3%A9%3D%26/");
});
