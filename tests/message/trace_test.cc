#include "libmail/message/trace.h"

#include <gtest/gtest.h>

#include "libmail/message/header_section.h"

namespace mail::message {
namespace {

Received chapter() {
  Received received;
  received.helo = "PC";
  received.client_address = "192.168.10.30";
  received.by = "mail.linuxprobe.com";
  received.with = "ESMTP";
  received.id = "9D35A61";
  received.recipient = address::AddrSpec{"root", "linuxprobe.com"};
  received.date = {std::chrono::sys_seconds{std::chrono::seconds{1502794926}},
                   std::chrono::minutes{480}, true};
  received.zone_name = "CST";
  return received;
}

TEST(Trace, ReceivedHasTheShapeOfPostfix) {
  EXPECT_EQ(make_received(chapter()),
            "Received: from PC (unknown [192.168.10.30])\n"
            "\tby mail.linuxprobe.com (Tubepost) with ESMTP id 9D35A61\n"
            "\tfor <root@linuxprobe.com>; Tue, 15 Aug 2017 19:02:06 +0800 (CST)\n");
  Received many = chapter();
  many.recipient.reset();
  many.client_name = "pc.example";
  many.client_address = "2001:db8::1";
  many.comments = {"using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"};
  EXPECT_EQ(make_received(many),
            "Received: from PC (pc.example [IPv6:2001:db8::1])\n"
            "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\n"
            "\tby mail.linuxprobe.com (Tubepost) with ESMTP id 9D35A61;\n"
            "\tTue, 15 Aug 2017 19:02:06 +0800 (CST)\n");
  Received local = chapter();
  local.helo.clear();
  local.recipient.reset();
  local.user_id = 0;
  EXPECT_EQ(make_received(local),
            "Received: by mail.linuxprobe.com (Tubepost, from userid 0)\n"
            "\tid 9D35A61; Tue, 15 Aug 2017 19:02:06 +0800 (CST)\n");
}

TEST(Trace, AStrangerCannotBeginAFieldOrCloseAComment) {
  Received evil = chapter();
  evil.helo = "x\r\nSubject: y";
  evil.client_name = "a) by (b\\";
  const std::string field = make_received(evil);
  const auto section = HeaderSection::parse(field);
  EXPECT_EQ(section.fields().size(), 1U);
  EXPECT_TRUE(section.defects().empty());
  EXPECT_TRUE(field.starts_with("Received: from xSubject:?y (a by b [192.168.10.30])\n")) << field;
}

TEST(Trace, DeliveryFields) {
  EXPECT_EQ(make_return_path({}), "Return-Path: <>\n");
  EXPECT_EQ(make_return_path({address::AddrSpec{"boss", "linuxprobe.com"}}),
            "Return-Path: <boss@linuxprobe.com>\n");
  EXPECT_EQ(make_original_to({"root", ""}), "X-Original-To: root\n");
  EXPECT_EQ(make_delivered_to({"root", "mail.linuxprobe.com"}),
            "Delivered-To: root@mail.linuxprobe.com\n");
}

}  // namespace
}  // namespace mail::message
