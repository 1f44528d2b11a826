import { assert, property, string, stringMatching } from "fast-check";
import { describe, expect, it } from "vitest";
import { parseS3Answer, xmlField, xmlText } from "../../../../../agent/assets/stores/s3-answer.ts";

const AWS = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.</Message><Endpoint>boot.s3.eu-west-1.amazonaws.com</Endpoint><Bucket>boot</Bucket><RequestId>1</RequestId><HostId>a+b/c=</HostId></Error>`;

describe("an error's body", () => {
  it("is read", () => {
    expect(parseS3Answer(AWS)).toEqual({
      code: "PermanentRedirect",
      message: expect.stringMatching(/^The bucket .* endpoint\.$/),
      region: "",
      endpoint: "boot.s3.eu-west-1.amazonaws.com",
    });
  });

  it.each([
    ["a namespace", '<e:Error xmlns:e="urn:x"><e:Code>A</e:Code></e:Error>', "A"],
    ["attributes", '<Error xmlns="http://s3.amazonaws.com/doc/"><Code a="b">A</Code></Error>', "A"],
    ["white space", "<Error>\n  <Code>\n A \n</Code></Error>", "A"],
    ["HTML", "<html><body><Code>A</Code></body></html>", ""],
    ["an element in it", "<Error><Code><b>A</b></Code></Error>", ""],
    ["no end", "<Error><Code>A", ""],
    ["no end tag", "<Error><Code>A<Code>B</Code></Error>", ""],
    ["length", `<Error><Code>${"A".repeat(1025)}</Code></Error>`, ""],
    ["markup", "<Error><Code>A&lt;b&gt;[31m</Code></Error>", "Ab31m"],
    [
      "a DTD",
      '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Error><Code>&e;</Code></Error>',
      "e",
    ],
    ["nothing", "", ""],
  ])("with %s", (_, xml, code) => {
    expect(parseS3Answer(xml).code).toBe(code);
  });

  it("has its entities expanded once, and no control characters", () => {
    const field = (text: string): string => xmlField(`<A>${text}</A>`, "A");
    expect(field("&quot;x&#34;&#x22;&apos;")).toBe('"x""\'');
    expect(field("&amp;lt;")).toBe("&lt;");
    expect(field("&#xffffff;&#9999999;&nosuch;")).toBe("&#xffffff;&#9999999;&nosuch;");
    expect(field("a&#27;[31m&#10;b\u0007")).toBe("a [31m b");
  });

  it("may be anything", () => {
    assert(
      property(string({ maxLength: 300 }), (xml) => void parseS3Answer(xml)),
      {
        interruptAfterTimeLimit: 500,
      },
    );
    assert(
      property(stringMatching(/^<Error>(<?\/?(Code|Region|[a-z]:|&#?x?\d*;)>?){0,40}$/), (xml) => {
        const { code, message } = parseS3Answer(xml);
        expect(code.length + message.length).toBeLessThan(3000);
      }),
      { interruptAfterTimeLimit: 500 },
    );
  });

  it.each(["<", "<Code ", "<Error ", "<Error><Code>&#", "<a:", "<Code>"])(
    "costs little time when it is full of %s",
    (piece) => {
      const xml = `<Error>${piece.repeat(65_536 / piece.length)}`;
      const began = performance.now();
      parseS3Answer(xml);
      expect(performance.now() - began).toBeLessThan(500);
    },
  );
});

describe("text in an element", () => {
  it("comes back as it was", () => {
    assert(
      property(stringMatching(/^[!-~]{0,50}$/), (text) => {
        expect(xmlField(`<ETag>${xmlText(text)}</ETag>`, "ETag")).toBe(text);
      }),
      { interruptAfterTimeLimit: 500 },
    );
  });
});
